package postgres

import (
	"errors"
	"net/url"
	"strings"
)

// parseURI reads what follows the scheme of a connection URI. The form is
// libpq's: several hosts, each with a port, are separated by commas, so it is
// no RFC 3986 URI.
func parseURI(rest string) (map[string]string, error) {
	settings := map[string]string{}
	rest, err := uriCredentials(rest, settings)
	if err != nil {
		return nil, err
	}
	hosts, rest := cutBefore(rest, "/?")
	if err := uriHosts(hosts, settings); err != nil {
		return nil, err
	}
	path, query := cutBefore(rest, "?")
	if name := strings.TrimPrefix(path, "/"); name != "" {
		if settings["dbname"], err = uriDecode(name); err != nil {
			return nil, err
		}
	}
	return settings, uriQuery(strings.TrimPrefix(query, "?"), settings)
}

func uriCredentials(rest string, settings map[string]string) (string, error) {
	end := strings.IndexAny(rest, "@/")
	if end < 0 || rest[end] != '@' {
		return rest, nil
	}
	user, password, _ := strings.Cut(rest[:end], ":")
	for key, raw := range map[string]string{"user": user, "password": password} {
		if raw == "" {
			continue
		}
		value, err := uriDecode(raw)
		if err != nil {
			return "", err
		}
		settings[key] = value
	}
	return rest[end+1:], nil
}

func uriHosts(list string, settings map[string]string) error {
	if list == "" {
		return nil
	}
	var hosts, ports []string
	for element := range strings.SplitSeq(list, ",") {
		host, port, err := uriHostPort(element)
		if err != nil {
			return err
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	if joined := strings.Join(hosts, ","); joined != "" {
		settings["host"] = joined
	}
	if joined := strings.Join(ports, ","); joined != "" {
		settings["port"] = joined
	}
	return nil
}

func uriHostPort(element string) (host, port string, err error) {
	if inside, found := strings.CutPrefix(element, "["); found {
		address, after, closed := strings.Cut(inside, "]")
		if !closed || address == "" || (after != "" && after[0] != ':') {
			return "", "", errors.New("not a connection URI: the brackets around an address do not match")
		}
		return address, strings.TrimPrefix(after, ":"), nil
	}
	host, port, _ = strings.Cut(element, ":")
	if host, err = uriDecode(host); err != nil {
		return "", "", err
	}
	return host, port, nil
}

func uriQuery(query string, settings map[string]string) error {
	if query == "" {
		return nil
	}
	for pair := range strings.SplitSeq(query, "&") {
		rawKey, rawValue, found := strings.Cut(pair, "=")
		if !found || strings.Contains(rawValue, "=") {
			return errors.New(`not a connection URI: a parameter needs exactly one "="`)
		}
		key, err := uriDecode(rawKey)
		if err != nil {
			return err
		}
		value, err := uriDecode(rawValue)
		if err != nil {
			return err
		}
		// JDBC's spelling, which libpq takes in a URI only.
		if key == "ssl" && value == "true" {
			key, value = "sslmode", "require"
		}
		settings[key] = value
	}
	return nil
}

func uriDecode(raw string) (string, error) {
	decoded, err := url.PathUnescape(strings.Trim(raw, " "))
	if err != nil || strings.ContainsRune(decoded, 0) || strings.Contains(strings.Trim(raw, " "), " ") {
		return "", errors.New("not a connection URI: a part is not percent-encoded correctly")
	}
	return decoded, nil
}

// cutBefore splits text before the first of the given characters.
func cutBefore(text, characters string) (before, after string) {
	if end := strings.IndexAny(text, characters); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}
