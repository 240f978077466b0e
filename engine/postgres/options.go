package postgres

import (
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// runtimeParameters gives everything that is sent to the server when a session
// starts. Nothing else of the settings ever is: the server refuses a
// connection for a parameter that it does not know.
func (r *reader) runtimeParameters(all settings) map[string]string {
	parameters := r.serverOptions(all)
	// The driver reads and writes UTF-8 whatever the role's or the database's
	// default is.
	parameters["client_encoding"] = "UTF8"
	parameters["application_name"] = firstOf(all.value("application_name"), all.value("fallback_application_name"), "synapse")
	if zone, _ := r.environment("PGTZ"); zone != "" {
		parameters["timezone"] = zone
	}
	return parameters
}

// serverOptions takes "-c name=value" and "--name=value" apart, so that they
// are sent as the parameters they mean. Poolers refuse raw options.
func (r *reader) serverOptions(all settings) map[string]string {
	parameters := map[string]string{}
	words := splitOptions(all.value("options"))
	for i := 0; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "-c" && i+1 < len(words):
			i++
			word = words[i]
		case strings.HasPrefix(word, "--"):
			word = word[2:]
		case strings.HasPrefix(word, "-c"):
			word = word[2:]
		default:
			word = ""
		}
		name, value, found := strings.Cut(word, "=")
		name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
		if !found || name == "" || name == "client_encoding" {
			r.reject(&engine.ValueError{
				Key: "options", Origin: all["options"].origin,
				Problem: "an option is not understood", Allowed: "-c name=value, --name=value; not client_encoding",
			})
			return parameters
		}
		parameters[name] = value
	}
	return parameters
}

// splitOptions splits at white space as the server does: a backslash takes the
// next character literally.
func splitOptions(text string) []string {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(text); i++ {
		character := text[i]
		if strings.IndexByte(conninfoSpace, character) >= 0 {
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
			continue
		}
		if character == '\\' && i+1 < len(text) {
			i++
			character = text[i]
		}
		word.WriteByte(character)
		inWord = true
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

func firstOf(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}
