"""``opq box doctor``: looks at everything a box needs and says what is wrong and what to do."""
