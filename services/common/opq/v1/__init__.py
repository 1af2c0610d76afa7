"""Generated from ``proto/opq/v1`` by ``proto/generate.sh``; never edited."""
