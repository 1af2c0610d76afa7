"""The built-in plugins: thin shells that let `opq.standards` judge the records of an event and write down why."""
