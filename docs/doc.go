// Package docs is the folder of the documentation, and of the tests that hold the pages to the code.
// It holds no code that runs.
// Begin with README.md.
package docs
