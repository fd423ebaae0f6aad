"""The trusted side of the sandbox: build it, open workers in it, close them for good."""
