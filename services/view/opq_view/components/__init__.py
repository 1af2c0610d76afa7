"""What several pages are made of: access to the store, words, tables, notices."""
