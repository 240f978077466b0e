package port

import "testing"

func TestSecretsAreNotShownWhole(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ column, value, want string }{
		{"access_token", "syt_YWxpY2U_abcdefghijkl_0123", "syt_YW…"},
		{"token", "0123456789", "012345…"},
		{"password_hash", "$2b$12$abcdefg", "$2b$12…"},
		{"client_secret", "söcretsecret", "söcret…"},
		{"token", "short", "short"},
		{"next_token_id", "123456789", "123456789"},
		{"user_id", "@alice:example.com", "@alice:example.com"},
	} {
		if got := shown(test.column, test.value); got != test.want {
			t.Errorf("%s: %q is shown as %q, want %q", test.column, test.value, got, test.want)
		}
	}
}
