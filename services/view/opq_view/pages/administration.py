"""For administrators: who may sign in, and who changed what."""

import time
from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from opq import ids
from opq.errors import OpqError
from opq.ids import BoxId
from opq.store import Store
from opq.store.cut_offs import read_cut_offs
from opq.store.users import Users
from opq.trust.policy import UserRole
from opq.trust.users import User
from opq_view.components import access
from opq_view.components.links import Links
from opq_view.components.notices import empty
from opq_view.components.tables import audit_table, cut_offs_table, tokens_table, users_table
from opq_view.components.wording import ROLE_OF_USER_WORDS

_INVITATION = "invitation"
_PAGE = 50
_ROLES = list(UserRole)


def show(links: Links) -> None:
    """Draw the page."""
    store = access.administration()
    st.title("Administration")
    people, boxes, log = st.tabs(["People", "Boxes", "Audit log"])
    with people:
        _people(store)
    with boxes:
        _cut_off(store)
    with log:
        _audit(store)


def _people(store: Store) -> None:
    users = Users(store)
    known = users.all()
    if known:
        users_table(known)
    else:
        empty(
            "Nobody can sign in yet. Add the first user below and hand on the invitation, with which the password is set."
        )
    if text := st.session_state.pop(_INVITATION, ""):
        st.success("Give this invitation to that user and nobody else. It is good once, for three days, at /password.")
        st.code(text, language=None)
    boxes = [box.box_id for box in store.boxes.list()]
    add, change = st.columns(2, gap="medium")
    with add:
        _add(users, boxes)
    with change:
        if known:
            _change(users, known, boxes)
    tokens = users.tokens()
    if tokens:
        st.subheader("API tokens", anchor="tokens")
        tokens_table(tokens)
        with st.form("revoke-any-token"):
            chosen = st.selectbox(
                "Token", tokens, format_func=lambda one: f"{one.token_id} of {one.user_id}, {one.name}"
            )
            if st.form_submit_button("Revoke it"):
                _act(lambda: users.revoke_token(chosen.token_id))


def _add(users: Users, boxes: list[BoxId]) -> None:
    with st.form("add-user", clear_on_submit=True):
        st.markdown("**Add a user**")
        name = st.text_input("Name to sign in with", max_chars=64)
        role = st.selectbox("Rights", _ROLES, format_func=ROLE_OF_USER_WORDS.__getitem__)
        own = st.multiselect("Boxes of this user", boxes)

        def add() -> None:
            user = User(ids.user_id(name.strip().lower()), role, tuple(own), time.time_ns())
            users.add(user)
            st.session_state[_INVITATION] = users.invite(user.user_id, time.time_ns())

        if st.form_submit_button("Add and invite"):
            _act(add)


def _change(users: Users, known: list[User], boxes: list[BoxId]) -> None:
    with st.container(border=True):
        st.markdown("**Change a user**")
        user: User = st.selectbox("User", known, format_func=lambda one: one.user_id)
        with st.form(f"change-{user.user_id}", border=False):
            role = st.selectbox("Rights", _ROLES, _ROLES.index(user.role), format_func=ROLE_OF_USER_WORDS.__getitem__)
            own = st.multiselect("Boxes of this user", sorted({*boxes, *user.box_ids}), user.box_ids)
            disabled = st.checkbox("May not sign in", user.disabled)
            if st.form_submit_button("Change"):
                _act(lambda: users.change(replace(user, role=role, box_ids=tuple(own), disabled=disabled)))
        with st.container(horizontal=True):
            if st.button("Invite again", key=f"invite-{user.user_id}"):
                _act(lambda: _invite(users, user))
            if st.button("Remove", key=f"remove-{user.user_id}"):
                _act(lambda: users.remove(user.user_id))


def _invite(users: Users, user: User) -> None:
    st.session_state[_INVITATION] = users.invite(user.user_id, time.time_ns())


def _act(change: Callable[[], None]) -> None:
    """Do something and draw the page again; say why it could not be done."""
    try:
        change()
    except OpqError as error:
        st.error(str(error))
    else:
        st.rerun()


def _cut_off(store: Store) -> None:
    cut_offs = read_cut_offs(store)
    st.subheader("Cut off", anchor="cut-off")
    if cut_offs:
        cut_offs_table(cut_offs, time.time_ns())
    else:
        empty("No box was ever cut off. One that sends more than it may, for long, is listed here with the reason.")


def _audit(store: Store) -> None:
    newest = store.audit.list(1)
    if not newest:
        empty("Nothing was changed by anybody yet. Every change that people make to the site is listed here for good.")
        return
    pages = -(-newest[0].number // _PAGE)
    page = st.pagination(pages, key="audit-page") if pages > 1 else 1
    audit_table(store.audit.list(_PAGE, newest[0].number + 1 - (page - 1) * _PAGE))
