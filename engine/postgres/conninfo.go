package postgres

import (
	"errors"
	"strings"
)

// parseDSN reads a connection string or URI of libpq into its settings. Its
// errors never quote the text, which usually holds a password.
func parseDSN(dsn string) (map[string]string, error) {
	if strings.ContainsRune(dsn, 0) {
		return nil, errors.New("holds a NUL byte")
	}
	for _, scheme := range []string{"postgresql://", "postgres://"} {
		if rest, found := strings.CutPrefix(dsn, scheme); found {
			return parseURI(rest)
		}
	}
	return parseConninfo(dsn)
}

// parseConninfo reads libpq's "keyword = value" form: values may be quoted
// with ', and \ takes the next character literally.
func parseConninfo(rest string) (map[string]string, error) {
	settings := map[string]string{}
	for {
		rest = strings.TrimLeft(rest, conninfoSpace)
		if rest == "" {
			return settings, nil
		}
		name, after, found := strings.Cut(rest, "=")
		name = strings.TrimRight(name, conninfoSpace)
		if !found || name == "" || strings.ContainsAny(name, conninfoSpace) {
			return nil, errors.New(`not a connection string: "=" is missing after a keyword`)
		}
		value, remainder, err := conninfoValue(strings.TrimLeft(after, conninfoSpace))
		if err != nil {
			return nil, err
		}
		settings[name], rest = value, remainder
	}
}

const conninfoSpace = " \t\n\r\v\f"

func conninfoValue(rest string) (value, remainder string, err error) {
	quoted := strings.HasPrefix(rest, "'")
	if quoted {
		rest = rest[1:]
	}
	var text strings.Builder
	for i := 0; i < len(rest); i++ {
		switch character := rest[i]; {
		case character == '\\' && i+1 < len(rest):
			i++
			text.WriteByte(rest[i])
		case character == '\\':
		case quoted && character == '\'', !quoted && strings.IndexByte(conninfoSpace, character) >= 0:
			return text.String(), rest[i+1:], nil
		default:
			text.WriteByte(character)
		}
	}
	if quoted {
		return "", "", errors.New("not a connection string: a quoted value does not end")
	}
	return text.String(), "", nil
}

// quoteConninfo writes a value so that conninfoValue, libpq and the driver
// read it back unchanged.
func quoteConninfo(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
