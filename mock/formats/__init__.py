"""What each provider's API looks like on the wire."""
