"""Between wire and domain: codecs of messages, tuned channels and servers, health."""
