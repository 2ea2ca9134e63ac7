"""The one wire under all SDKs: it connects, sends, receives, counts bytes and keeps the clock."""
