package main

import (
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/synapsedb/synapse/engine"
)

// service answers requests.
type service struct {
	database engine.Querier
	log      *slog.Logger
}

func (s service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /{name}", s.put)
	mux.HandleFunc("GET /{name}", s.get)
	return mux
}

const putSQL = `INSERT INTO links (name, target, host) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET target = excluded.target, host = excluded.host`

func (s service) put(response http.ResponseWriter, request *http.Request) {
	const longest = 2048 // bytes
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, longest))
	target := string(body)
	host := hostOf(target)
	if err != nil || host == "" {
		http.Error(response, "the body has to be an address with a host, of 2048 bytes at most", http.StatusBadRequest)
		return
	}
	if _, err := s.database.Exec(request.Context(), putSQL, request.PathValue("name"), target, host); err != nil {
		s.fail(response, request, err)
		return
	}
	response.WriteHeader(http.StatusNoContent)
}

func (s service) get(response http.ResponseWriter, request *http.Request) {
	var target string
	err := s.database.QueryRow(request.Context(), "SELECT target FROM links WHERE name = ?", request.PathValue("name")).Scan(&target)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		http.NotFound(response, request)
	case err != nil:
		s.fail(response, request, err)
	default:
		http.Redirect(response, request, target, http.StatusFound)
	}
}

// fail keeps the cause from whoever asks.
func (s service) fail(response http.ResponseWriter, request *http.Request, err error) {
	s.log.ErrorContext(request.Context(), "the database failed", "error", err)
	http.Error(response, "the database failed", http.StatusInternalServerError)
}
