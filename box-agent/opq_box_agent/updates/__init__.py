"""Updates on the box: two slots, a launcher that tries the new version and goes back to the old one, and the download."""
