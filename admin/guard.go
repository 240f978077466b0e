package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// guard lets only those in who may come.
func (s *service) guard(handler http.Handler) http.Handler {
	if s.config.Token == "" {
		return guardLocal(handler)
	}
	// Hashes have one length, so that the time of a comparison does not tell the token's.
	wanted := sha256.Sum256([]byte(s.config.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		token, is := bearerToken(request)
		given := sha256.Sum256([]byte(token))
		switch {
		case !is:
			w.Header().Set("WWW-Authenticate", "Bearer")
			(&refusal{http.StatusUnauthorized, codeMissingToken, "the header Authorization: Bearer … is missing"}).write(w)
		case subtle.ConstantTimeCompare(given[:], wanted[:]) != 1:
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			(&refusal{http.StatusUnauthorized, codeUnknownToken, "the token is not the configured one"}).write(w)
		default:
			handler.ServeHTTP(w, request)
		}
	})
}

// bearerToken reads the header. A token in the URL, which the Python homeserver takes too, would end in logs.
func bearerToken(request *http.Request) (token string, is bool) {
	values := request.Header.Values("Authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.TrimSpace(token)
	return token, strings.EqualFold(scheme, "Bearer") && token != ""
}

// guardLocal keeps pages in a browser on the same machine away, those that have a name of their own resolved to a loopback
// address among them: they would need no token.
func guardLocal(handler http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(refuse("requests of other sites are refused"))
	protected := protection.Handler(handler)
	foreign := refuse("without a token, the host of a request has to be localhost or a loopback address")
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if !isLoopback(request.Host) {
			foreign.ServeHTTP(w, request)
			return
		}
		protected.ServeHTTP(w, request)
	})
}

func refuse(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		(&refusal{http.StatusForbidden, codeForbidden, text}).write(w)
	})
}

// isLoopback judges the host of a request, which may have a port.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}
