# What this file does is done in Go.
