"""A mock of the LLM providers: their wire formats, plain and streaming, with each piece of an answer sent when due."""
