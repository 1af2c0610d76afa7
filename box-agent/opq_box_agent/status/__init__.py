"""How a box shows what it does to whoever stands before it: a page, and the same in the terminal."""
