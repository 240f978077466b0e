package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
)

const (
	missingToken = `{"errcode":"M_MISSING_TOKEN","error":"the header Authorization: Bearer … is missing"}`
	unknownToken = `{"errcode":"M_UNKNOWN_TOKEN","error":"the token is not the configured one"}`
	noSuchPath   = `{"errcode":"M_UNRECOGNIZED","error":"there is no such path"}`
)

// paths are all that need the token.
func paths() []string {
	return []string{admin.Prefix + "enabled", admin.Prefix + "status", admin.Prefix + "start_job", "/metrics", "/anything"}
}

func TestTokenIsAskedFor(t *testing.T) {
	t.Parallel()
	updater := idle(t, "master")
	api := newClient(t, admin.Config{Databases: []*background.Updater{updater}, Token: token, Metrics: admin.NewMetrics()})
	var answers strings.Builder
	for name, one := range map[string]struct {
		headers []string
		query   string
		want    answer
	}{
		"no header":           {nil, "", answer{401, missingToken}},
		"in the URL":          {nil, "?access_token=" + token, answer{401, missingToken}},
		"without scheme":      {[]string{token}, "", answer{401, missingToken}},
		"of another scheme":   {[]string{"Basic " + token}, "", answer{401, missingToken}},
		"empty":               {[]string{"Bearer "}, "", answer{401, missingToken}},
		"twice":               {[]string{"Bearer " + token, "Bearer " + token}, "", answer{401, missingToken}},
		"another one":         {[]string{"Bearer syt_other"}, "", answer{401, unknownToken}},
		"only its beginning":  {[]string{"Bearer " + token[:len(token)-1]}, "", answer{401, unknownToken}},
		"more than it":        {[]string{"Bearer " + token + "a"}, "", answer{401, unknownToken}},
		"with other capitals": {[]string{"Bearer " + strings.ToUpper(token)}, "", answer{401, unknownToken}},
	} {
		for _, path := range paths() {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				got, header := api.do(t, method, path+one.query, `{"enabled":false}`, func(request *http.Request) {
					request.Header.Del("Authorization")
					for _, value := range one.headers {
						request.Header.Add("Authorization", value)
					}
				})
				if got != one.want || !strings.HasPrefix(header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s: %s %s: %+v", name, method, path, got)
				}
				answers.WriteString(got.Body)
			}
		}
	}
	if !updater.Enabled() {
		t.Error("somebody without the token has disabled the updates")
	}
	got, _ := api.do(t, http.MethodGet, admin.Prefix+"enabled", "", func(request *http.Request) {
		request.Header.Set("Authorization", "bearer  "+token)
	})
	check(t, answer{200, `{"enabled":true}`}, got)
	check(t, answer{200, `{"enabled":false}`}, api.post(t, "enabled", `{"enabled":false}`))
	if told := answers.String() + api.log.String(); strings.Contains(strings.ToLower(told), token) {
		t.Errorf("the token was told: %s", told)
	}
	if !strings.Contains(api.log.String(), "enabled=false") {
		t.Errorf("the change is not in the log: %s", api.log.String())
	}
}

func TestHealthNeedsNoToken(t *testing.T) {
	t.Parallel()
	api := newClient(t, admin.Config{Databases: []*background.Updater{idle(t, "master")}, Token: token})
	api.token = ""
	got, _ := api.do(t, http.MethodGet, "/health", "", nil)
	check(t, answer{200, "OK"}, got)
	got, header := api.do(t, http.MethodPost, "/health", "", nil)
	check(t, answer{405, `{"errcode":"M_UNRECOGNIZED","error":"the method POST is not for this path"}`}, got)
	if header.Get("Allow") != "GET" {
		t.Errorf("Allow: %s", header.Get("Allow"))
	}
}

func TestPathsAndMethodsThatThereAreNot(t *testing.T) {
	t.Parallel()
	api := newClient(t, admin.Config{Databases: []*background.Updater{idle(t, "master")}, Token: token})
	for _, path := range []string{
		"/", "/metrics", admin.Prefix, admin.Prefix + "status/", admin.Prefix + "Status", "/_synapse//admin/v1/background_updates/status",
		"/_synapse/admin/v1/background_updates", admin.Prefix + "../background_updates/status", "/_synapse/admin/v1/users",
	} {
		got, _ := api.do(t, http.MethodGet, path, "", nil)
		if (got != answer{404, noSuchPath}) {
			t.Errorf("%s: %+v", path, got)
		}
	}
	for _, one := range []struct{ method, name, allowed string }{
		{http.MethodPost, "status", "GET"}, {http.MethodPut, "enabled", "GET, POST"}, {http.MethodGet, "start_job", "POST"}, {http.MethodOptions, "enabled", "GET, POST"},
	} {
		got, header := api.do(t, one.method, admin.Prefix+one.name, "{}", nil)
		want := answer{405, `{"errcode":"M_UNRECOGNIZED","error":"the method ` + one.method + ` is not for this path"}`}
		if got != want || header.Get("Allow") != one.allowed {
			t.Errorf("%s %s: %+v, Allow %q", one.method, one.name, got, header.Get("Allow"))
		}
	}
	got, header := api.do(t, http.MethodHead, admin.Prefix+"status", "", nil)
	if got.Status != http.StatusOK || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("HEAD: %+v, %v", got, header)
	}
}

// Without a token, a page in a browser must not reach the API, be it by a name of its own for the loopback address.
func TestWithoutTokenOnlyThisMachineIsAnswered(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		host    string
		headers map[string]string
		want    int
	}{
		"as it is":                {"", nil, 200},
		"localhost":               {"localhost:8008", nil, 200},
		"another loopback one":    {"127.4.5.6", nil, 200},
		"IPv6":                    {"[::1]:80", nil, 200},
		"IPv6 without port":       {"[::1]", nil, 200},
		"a name":                  {"evil.example:8008", nil, 403},
		"a name like localhost":   {"localhost.evil.example", nil, 403},
		"a name like an address":  {"127.0.0.1.evil.example", nil, 403},
		"another address":         {"192.0.2.1", nil, 403},
		"all addresses":           {"0.0.0.0:8008", nil, 403},
		"a page of another site":  {"", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"a page on another port":  {"", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"an old browser":          {"", map[string]string{"Origin": "https://evil.example"}, 403},
		"a sandbox":               {"", map[string]string{"Origin": "null"}, 403},
		"a page of its own":       {"", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		"typed by the user":       {"", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"an old browser, its own": {"localhost:8008", map[string]string{"Origin": "http://localhost:8008"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			updater := idle(t, "master")
			api := newClient(t, admin.Config{Databases: []*background.Updater{updater}})
			got, _ := api.do(t, http.MethodPost, admin.Prefix+"enabled", `{"enabled":false}`, func(request *http.Request) {
				if one.host != "" {
					request.Host = one.host
				}
				for name, value := range one.headers {
					request.Header.Set(name, value)
				}
			})
			if got.Status != one.want || updater.Enabled() != (one.want == 403) {
				t.Errorf("answer %+v, enabled %t", got, updater.Enabled())
			}
			if one.want == 403 && !strings.Contains(got.Body, `"errcode":"M_FORBIDDEN"`) {
				t.Errorf("answer %s", got.Body)
			}
		})
	}
}
