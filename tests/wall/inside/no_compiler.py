"""Preloaded before torch's inductor, hides the C++ compiler from it as if none were installed."""

import os

os.environ["CXX"] = "/nonexistent/g++"
