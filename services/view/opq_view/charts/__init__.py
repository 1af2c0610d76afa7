"""Charts as plain functions from arrays to Plotly figures, usable outside the pages; nothing here knows Streamlit."""
