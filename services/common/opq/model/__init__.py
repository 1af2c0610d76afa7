"""The words of the project as frozen dataclasses: what all other rooms speak to each other."""
