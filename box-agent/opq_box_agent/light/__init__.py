"""Boxes of a simulated grid by the thousand in one process: the whole protocol, with features and samples made on demand."""
