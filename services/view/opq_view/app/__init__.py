"""The site as a whole: its pages, its look, and the script that Streamlit runs.

In a folder of its own: beside a script, Streamlit takes every module of a folder called `pages` for a page, and shows
that to whoever comes first by the address of a page.
"""
