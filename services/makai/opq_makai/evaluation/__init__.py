"""How well Makai finds what happens: a simulated grid with ground truth, in compressed time (`opq evaluate makai`)."""
