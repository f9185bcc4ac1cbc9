"""The app that remembers: what a job is, what may happen to it, and the doors people use."""

VERSION = "0.1.0"
