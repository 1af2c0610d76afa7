"""Who is who: certificate authority, names in certificates, enrolment tokens, and what each role may call.

Knows no transport, no store and no clock: times are handed in. What is on disk is read by `opq.trust.files`,
`opq.trust.authority_file` and `opq.trust.material`.
"""
