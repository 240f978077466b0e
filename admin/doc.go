// Package admin serves over HTTP what an operator may ask of background updates, by the paths and answers of the Python
// homeserver's admin API, and metrics for Prometheus. It asks for a bearer token, never listens by itself, and never shows
// what is in a database. Begin with New, whose handler goes into an http.Server; Metrics.Observe is an Updater's OnBatch.
package admin
