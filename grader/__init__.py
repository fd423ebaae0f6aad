"""An autograder for LLM systems courses."""

__version__ = "0.1.0"
