"""One's own account: who one is here, the password, and tokens with which programs read in one's name."""

import time

import streamlit as st

from opq.clock import DAY_NS
from opq.errors import OpqError
from opq.store.users import MOST_TOKEN_LIFE_NS, Users
from opq.trust.policy import Right
from opq.trust.users import ApiToken, User
from opq_view.components import access
from opq_view.components.links import Links
from opq_view.components.notices import empty
from opq_view.components.tables import tokens_table
from opq_view.components.wording import RIGHT_WORDS, ROLE_OF_USER_WORDS, plain

_NEW_TOKEN = "new token"
_SCOPES = (Right.SITE, Right.BOXES, Right.WAVEFORMS)


def show(links: Links) -> None:
    """Draw the page."""
    user, users = access.own_account()
    st.title(plain(user.user_id))
    st.markdown(ROLE_OF_USER_WORDS[user.role])
    if user.box_ids:
        st.markdown("Your boxes: " + ", ".join(f"**{box_id}**" for box_id in user.box_ids))
    st.html(
        '<p><a href="/password" target="_self">Change the password</a> · <a href="/sign-out" target="_self">Sign out</a></p>'
    )
    st.subheader("API tokens", anchor="tokens")
    st.markdown("A program reads with a token in your name. It never may more than you, and it ends by itself.")
    tokens = users.tokens(user.user_id)
    if tokens:
        tokens_table(tokens)
        _revoke(user, users, tokens)
    else:
        empty("No program reads in your name. Make a token for one below.")
    _make(user, users)


def _make(user: User, users: Users) -> None:
    with st.form("make-token", clear_on_submit=True):
        name = st.text_input("What is the token for?", max_chars=100)
        scopes = st.multiselect(
            "What may it read?", _SCOPES, [Right.SITE, Right.BOXES], format_func=RIGHT_WORDS.__getitem__
        )
        days = st.number_input("For how many days?", 1, MOST_TOKEN_LIFE_NS // DAY_NS, 90)
        if st.form_submit_button("Make a token"):
            try:
                text = users.make_token(user.user_id, name.strip(), scopes, int(days) * DAY_NS, time.time_ns())
            except OpqError as error:
                st.error(str(error))
                return
            st.session_state[_NEW_TOKEN] = text
            st.rerun()
    if text := st.session_state.pop(_NEW_TOKEN, ""):
        st.success("Copy the token now; it is not shown again.")
        st.code(text, language=None)


def _revoke(user: User, users: Users, tokens: list[ApiToken]) -> None:
    with st.form("revoke-token"):
        chosen = st.selectbox("Token", tokens, format_func=lambda token: f"{token.token_id}, {token.name}")
        if st.form_submit_button("Revoke it"):
            users.revoke_token(chosen.token_id, user.user_id)
            st.rerun()
