package homeserver

import "strings"

// SecretColumn reports whether a column holds what lets its reader act as a user or a server: tokens, password
// hashes, private keys. Messages and logs leave such values out. Numbers such as token_id are no secrets.
func SecretColumn(column string) bool {
	name := strings.ToLower(column)
	if strings.HasSuffix(name, "_id") {
		return false
	}
	for _, part := range []string{"token", "password", "secret", "session_data", "device_data", "key_json"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
