"""Where people sign in and out and set passwords.

Plain pages: a script of Streamlit cannot set a cookie that scripts cannot read.
"""
