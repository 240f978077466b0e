package component

import (
	"encoding/json"
	"slices"
	"strings"
)

// LockState is how a Lock is.
type LockState string

// The states of a Lock.
const (
	Locked    LockState = "LOCKED"
	Unlocked  LockState = "UNLOCKED"
	Locking   LockState = "LOCKING"
	Unlocking LockState = "UNLOCKING"
	Jammed    LockState = "JAMMED"
	Open      LockState = "OPEN"
	Opening   LockState = "OPENING"
)

var lockStates = []string{string(Locked), string(Unlocked), string(Locking), string(Unlocking), string(Jammed), string(Open), string(Opening)}

// Lock can be locked, unlocked and, if it has a latch, opened. Its state is a LockState, or null: unknown.
type Lock struct {
	Common
	// Openable offers to open it, and not only to unlock it.
	Openable bool
	// CodeFormat is a regular expression for a code that Home Assistant asks for. Home Assistant compares, and does not send it.
	CodeFormat string
	// Optimistic has Home Assistant show what was commanded before the state says so.
	Optimistic bool
}

// Platform is "lock".
func (Lock) Platform() string { return "lock" }

// Check looks at the format of codes.
func (l Lock) Check() error {
	found := l.check(l.Platform())
	found.pattern("code_format", l.CodeFormat)
	return found.err()
}

// Discovery gives the keys of https://www.home-assistant.io/integrations/lock.mqtt/.
func (l Lock) Discovery(place Place) map[string]any {
	made := l.discovery(l.Platform(), place, true, true)
	if l.Openable {
		made["payload_open"] = "OPEN" // what makes Home Assistant offer it
	}
	put(made, "code_format", l.CodeFormat)
	put(made, "optimistic", l.Optimistic)
	return made
}

// States is true.
func (Lock) States() bool { return true }

// State is the LockState, or "None".
func (l Lock) State(state json.RawMessage) ([]byte, error) {
	allowed := strings.Join(lockStates, ", ") + ", null"
	value, err := decoded[string](l.Platform(), state, allowed)
	switch {
	case err != nil:
		return nil, err
	case value == nil:
		return []byte(unknown), nil
	case !slices.Contains(lockStates, *value):
		return nil, &StateError{Platform: l.Platform(), Problem: "it is none of a lock", Allowed: allowed}
	}
	return []byte(*value), nil
}

// Commands is true.
func (Lock) Commands() bool { return true }

// Command takes "LOCK", "UNLOCK" and, of an Openable one, "OPEN".
func (l Lock) Command(payload []byte, _ json.RawMessage) (json.RawMessage, error) {
	allowed := "LOCK, UNLOCK"
	if l.Openable {
		allowed += ", OPEN"
	}
	switch command := string(payload); {
	case command == "LOCK":
		return json.Marshal(Locked)
	case command == "UNLOCK":
		return json.Marshal(Unlocked)
	case command == "OPEN" && l.Openable:
		return json.Marshal(Open)
	}
	return nil, refused(l.Platform(), allowed, "it is %s", quoted(string(payload)))
}
