"""What the providers' answers say: pure readers, from bodies and events to the parts of an answer."""
