package admin

import (
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// methods are the handlers of a path.
type methods map[string]http.Handler

// routes are the paths that there are. They are taken literally: nothing is redirected.
type routes map[string]methods

// ServeHTTP answers what there is not as the Python homeserver does.
func (r routes) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	found, is := r[request.URL.Path]
	if !is {
		(&refusal{http.StatusNotFound, codeUnrecognized, "there is no such path"}).write(w)
		return
	}
	method := request.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	handler, is := found[method]
	if !is {
		w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(found)), ", "))
		(&refusal{http.StatusMethodNotAllowed, codeUnrecognized, "the method " + request.Method + " is not for this path"}).write(w)
		return
	}
	handler.ServeHTTP(w, request)
}

// serve answers /health to everybody: it tells nothing but that somebody is there.
func serve(others http.Handler) http.Handler {
	health := routes{"/health": {http.MethodGet: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "OK")
	})}}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if _, is := health[request.URL.Path]; is {
			health.ServeHTTP(w, request)
			return
		}
		others.ServeHTTP(w, request)
	})
}

// withHeaders says that answers are neither kept nor taken for something else.
func withHeaders(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		handler.ServeHTTP(w, request)
	})
}
