"""The one wire under the six SDKs: it connects, sends, receives, counts bytes and keeps the clock."""
