"""People in the store (collection `users`): who may sign in, who is signed in, and what reads in their names.

Keys: ``user/USER_ID``, ``sessions/HASH``, ``invitations/HASH``, ``tokens/HASH``, ``tries/WHAT``. Texts of sessions, invitations
and tokens are nowhere but with whom they were given to. An invitation is taken by removing it, which succeeds once.
"""

import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from opq import ids
from opq.clock import DAY_NS, NS, iso
from opq.errors import Duplicate, InvalidInput, NotFound, Unauthenticated
from opq.ids import UserId
from opq.store.audit import record
from opq.store.documents import from_document, to_document
from opq.store.port import Documents, Store
from opq.trust.passwords import check_password, hash_password, password_matches
from opq.trust.policy import Principal, Right
from opq.trust.secret_texts import digest_of, new_secret
from opq.trust.users import SESSION_LIFE_NS, ApiToken, Invitation, Session, Tries, User

INVITATION_LIFE_NS = 3 * DAY_NS
MOST_TOKEN_LIFE_NS = 366 * DAY_NS
MOST_TOKENS = 50
"""Of one user."""
_MOST_NAME = 100
_USER, _SESSION, _INVITATION, _TOKEN, _TRIES = "user/", "sessions/", "invitations/", "tokens/", "tries/"
_NOBODY = "?"
_NOT_KNOWN = "the name or the password is wrong"


class Users:
    """What the store knows of people.

    Parameters
    ----------
    store : Store
        An open store; one that is audited (`opq.store.audited`) if a person changes it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._documents: Documents = store.users

    # --- users

    def get(self, user_id: UserId) -> User:
        """Return one user.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        document = self._documents.get(_USER + user_id)
        if document is None:
            raise NotFound(f"user {user_id} is not known; see: opq users list")
        return from_document(User, document)

    def all(self) -> list[User]:
        """Return all users, by name."""
        return [from_document(User, document) for document in self._documents.items(_USER).values()]

    def add(self, user: User) -> None:
        """Add a user, who cannot sign in until he has set a password (`invite`).

        Raises
        ------
        Duplicate
            If the name is taken.
        """
        if self._documents.get(_USER + user.user_id) is not None:
            raise Duplicate(f"user {user.user_id} is there already; change it with: opq users set {user.user_id}")
        self._documents.put(_USER + user.user_id, to_document(user))

    def change(self, user: User) -> None:
        """Change a user; one that is disabled is signed out, and his tokens are good for nothing."""
        self._documents.put(_USER + user.user_id, to_document(user))
        if user.disabled:
            self._sign_out(user.user_id)

    def remove(self, user_id: UserId) -> None:
        """Forget a user with all that was given to him.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        self.get(user_id)
        self._sign_out(user_id)
        for prefix in (_INVITATION, _TOKEN):
            self._remove_of(prefix, user_id)
        self._documents.remove(_USER + user_id)

    # --- passwords

    def invite(self, user_id: UserId, now_unix_ns: int) -> str:
        """Return a text with which a user sets his password once, within three days; the ones before are void."""
        self.get(user_id)
        self._remove_of(_INVITATION, user_id)
        self._sweep(_INVITATION, now_unix_ns)
        secret = new_secret("opqi")
        invitation = Invitation(user_id, now_unix_ns, now_unix_ns + INVITATION_LIFE_NS)
        self._documents.put(_INVITATION + secret.digest, to_document(invitation))
        return secret.text

    def accept(self, text: str, password: str, now_unix_ns: int) -> UserId:
        """Set a password with an invitation; whoever was signed in in that name no longer is.

        Raises
        ------
        Unauthenticated
            If the invitation is none, used, or too old.
        InvalidInput
            If the password is not good enough; the invitation stays good.
        """
        key = _INVITATION + digest_of(text.strip())
        document = self._documents.get(key)
        invitation = from_document(Invitation, document) if document else None
        if invitation is None or invitation.expires_unix_ns <= now_unix_ns:
            raise Unauthenticated(
                "this invitation was used already, is too old, or was not copied whole; ask for another"
            )
        check_password(password, invitation.user_id)
        if not self._documents.remove(key):
            raise Unauthenticated("this invitation was used already; ask for another")
        self._set_password(self.get(invitation.user_id), password, now_unix_ns)
        record(self._store, now_unix_ns, f"user {invitation.user_id}", "user.accept_invitation", invitation.user_id)
        return invitation.user_id

    def change_password(self, user_id: UserId, old: str, new: str, now_unix_ns: int) -> None:
        """Let a user change his password; all his sessions end.

        Raises
        ------
        Unauthenticated
            If the old one is wrong.
        InvalidInput
            If the new one is not good enough.
        """
        user = self.get(user_id)
        if not password_matches(old, user.password):
            raise Unauthenticated("the old password is wrong")
        check_password(new, user_id)
        self._set_password(user, new, now_unix_ns)
        record(self._store, now_unix_ns, f"user {user_id}", "user.change_password", user_id)

    def _set_password(self, user: User, password: str, now_unix_ns: int) -> None:
        changed = replace(user, password=hash_password(password), password_unix_ns=now_unix_ns)
        self._documents.put(_USER + user.user_id, to_document(changed))
        self._sign_out(user.user_id)

    # --- sessions

    def sign_in(self, name: str, password: str, address: str, now_unix_ns: int) -> str:
        """Return the text of a new session; it is the caller's to keep it from everybody else.

        The same is said, after the same time, of a name that is not known, a wrong password, and a disabled user.

        Raises
        ------
        Unauthenticated
            If it is not him, or there were too many tries from there; the message says how long to wait.
        """
        try:
            name = ids.user_id(name)
        except InvalidInput:
            name = _NOBODY
        tries = [f"{_TRIES}address {_network(address)}", f"{_TRIES}user {name} from {_network(address)}"]
        self._let_try(tries, now_unix_ns)
        document = self._documents.get(_USER + name)
        user = from_document(User, document) if document else None
        if not password_matches(password, user.password if user else "") or user is None or user.disabled:
            for key in tries:
                self._failed(key, now_unix_ns)
            record(self._store, now_unix_ns, f"somebody at {address}", "user.refuse", name, _NOT_KNOWN)
            raise Unauthenticated(_NOT_KNOWN)
        self._documents.remove(tries[1])
        self._sweep(_SESSION, now_unix_ns)
        secret = new_secret("opqs")
        session = Session(user.user_id, now_unix_ns, now_unix_ns + SESSION_LIFE_NS)
        self._documents.put(_SESSION + secret.digest, to_document(session))
        record(self._store, now_unix_ns, f"user {user.user_id}", "user.sign_in", user.user_id, f"from {address}")
        return secret.text

    def signed_in(self, text: str, now_unix_ns: int) -> User | None:
        """Return whose session it is; None if it ended, was never one, or he may no longer sign in."""
        document = self._documents.get(_SESSION + digest_of(text))
        if document is None:
            return None
        session = from_document(Session, document)
        user = self._documents.get(_USER + session.user_id)
        if user is None or session.expires_unix_ns <= now_unix_ns:
            return None
        found = from_document(User, user)
        return None if found.disabled or found.password_unix_ns > session.created_unix_ns else found

    def sign_out(self, text: str, now_unix_ns: int) -> None:
        """End a session, for everybody who has its text."""
        key = _SESSION + digest_of(text)
        document = self._documents.get(key)
        if document is not None and self._documents.remove(key):
            user_id = from_document(Session, document).user_id
            record(self._store, now_unix_ns, f"user {user_id}", "user.sign_out", user_id)

    def _sign_out(self, user_id: UserId) -> None:
        self._remove_of(_SESSION, user_id)

    # --- tokens

    def make_token(self, user_id: UserId, name: str, scopes: Sequence[Right], life_ns: int, now_unix_ns: int) -> str:
        """Return a new API token; it is shown once.

        Raises
        ------
        InvalidInput
            If it has no name or scope, or lives too long; if the user has too many.
        """
        user = self.get(user_id)
        if not 0 < len(name) <= _MOST_NAME:
            raise InvalidInput(f"token: got a name of {len(name)} characters, expected 1 to {_MOST_NAME}")
        if not scopes:
            raise InvalidInput(f"token: got no scope, expected some of {', '.join(right.value for right in Right)}")
        if not 0 < life_ns <= MOST_TOKEN_LIFE_NS:
            days, most = life_ns / DAY_NS, MOST_TOKEN_LIFE_NS // DAY_NS
            raise InvalidInput(f"token: got a life of {days:g} days, expected more than 0 and at most {most}")
        if len(self.tokens(user_id)) >= MOST_TOKENS:
            raise InvalidInput(f"token: {user_id} has {MOST_TOKENS} already, which is the most; revoke some")
        self._sweep(_TOKEN, now_unix_ns)
        secret = new_secret("opqt")
        expires = now_unix_ns + life_ns
        token = ApiToken(secrets.token_hex(4), user.user_id, name, tuple(dict.fromkeys(scopes)), now_unix_ns, expires)
        self._documents.put(_TOKEN + secret.digest, to_document(token))
        return secret.text

    def tokens(self, user_id: UserId | None = None) -> list[ApiToken]:
        """Return the API tokens (of one user), oldest first."""
        found = [from_document(ApiToken, document) for document in self._documents.items(_TOKEN).values()]
        wanted = [token for token in found if user_id in (None, token.user_id)]
        return sorted(wanted, key=lambda token: token.created_unix_ns)

    def revoke_token(self, token_id: str, user_id: UserId | None = None) -> None:
        """Let an API token (of this user) be good for nothing.

        Raises
        ------
        NotFound
            If there is none of that id.
        """
        for key, document in self._documents.items(_TOKEN).items():
            if document["token_id"] == token_id and user_id in (None, document["user_id"]):
                self._documents.remove(key)
                return
        raise NotFound(f"token {token_id} is not known; see: opq users tokens")

    def token_principal(self, text: str, now_unix_ns: int) -> Principal:
        """Return who reads with an API token. Nobody guesses 32 bytes, so nobody is made to wait for the tries of others.

        Raises
        ------
        Unauthenticated
            If it is none, expired or revoked, or its user is disabled.
        """
        document = self._documents.get(_TOKEN + digest_of(text))
        if document is None:
            raise Unauthenticated("this API token is not known: it was revoked, or not copied whole")
        token = from_document(ApiToken, document)
        if token.expires_unix_ns <= now_unix_ns:
            raise Unauthenticated(f"this API token expired at {iso(token.expires_unix_ns)}; make another one")
        user = self._documents.get(_USER + token.user_id)
        if user is None or from_document(User, user).disabled:
            raise Unauthenticated("the user of this API token may no longer sign in")
        return token.principal(from_document(User, user))

    # --- below

    def _let_try(self, keys: Sequence[str], now_unix_ns: int) -> None:
        wait_ns = max(self._tries(key).wait_ns(now_unix_ns) for key in keys)
        if wait_ns:
            seconds = -(-wait_ns // NS)
            raise Unauthenticated(f"there were too many wrong tries; try again in {seconds} s")

    def _tries(self, key: str) -> Tries:
        document = self._documents.get(key)
        return from_document(Tries, document) if document else Tries()

    def _failed(self, key: str, now_unix_ns: int) -> None:
        self._sweep(_TRIES, now_unix_ns)
        self._documents.put(key, to_document(self._tries(key).failed(now_unix_ns)))

    def _remove_of(self, prefix: str, user_id: UserId) -> None:
        for key, document in self._documents.items(prefix).items():
            if document["user_id"] == user_id:
                self._documents.remove(key)

    def _sweep(self, prefix: str, now_unix_ns: int) -> None:
        """Remove what can no longer be of use, so that the collection does not grow."""
        for key, document in self._documents.items(prefix).items():
            if _over(prefix, document, now_unix_ns):
                self._documents.remove(key)


def _network(address: str) -> str:
    """Return what of an address stands for who uses it: of IPv6 the network, of which one host has all addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:_MOST_NAME]
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def _over(prefix: str, document: Mapping[str, Any], now_unix_ns: int) -> bool:
    if prefix == _TRIES:
        return from_document(Tries, document).forgiven(now_unix_ns)
    return bool(document["expires_unix_ns"] <= now_unix_ns)
