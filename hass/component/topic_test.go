package component_test

import (
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/hass/component"
)

func TestTopics(t *testing.T) {
	t.Parallel()
	place := component.Place{Application: "my_app", Entity: "porch.lamp"}
	for _, test := range []struct{ got, want string }{
		{component.Topic("porch.lamp"), "porch-2elamp"},
		{component.Topic("living_room"), "living_room"},
		{component.Topic("a-2e"), "a--2e"},
		{component.Topic("Tür"), "T-c3-bcr"},
		{component.Topic("+/#"), "-2b-2f-23"},
		{component.Topic(""), ""},
		{component.StatusTopic("my_app"), "synapse/my_app/status"},
		{place.StateTopic(), "synapse/my_app/porch-2elamp/state"},
		{place.AttributesTopic(), "synapse/my_app/porch-2elamp/attributes"},
		{place.CommandTopic(), "synapse/my_app/porch-2elamp/set"},
		{place.UniqueID(), "my-5fapp_porch-2elamp"},
		{component.DeviceTopic("homeassistant", "my_app", ""), "homeassistant/device/synapse_my-5fapp/config"},
		{component.DeviceTopic("homeassistant", "my_app", "hub"), "homeassistant/device/synapse_my-5fapp_hub/config"},
		{component.SingleTopic("homeassistant", "app", "", "sensor", "a.b"), "homeassistant/sensor/synapse_app/sensor_a-2eb/config"},
		{component.HomeAssistantTopic("homeassistant"), "homeassistant/status"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
}

// The same names are used by both kinds of messages: by them Home Assistant knows what migrates.
func TestNamesOfBothKindsOfDiscoveryAgree(t *testing.T) {
	t.Parallel()
	device := strings.Split(component.DeviceTopic("p", "app", "hub"), "/")
	single := strings.Split(component.SingleTopic("p", "app", "hub", "switch", "x"), "/")
	if diff := cmp.Diff([]string{device[2], component.ObjectID("switch", "x")}, single[2:4]); diff != "" {
		t.Error(diff)
	}
}

var topicForm = regexp.MustCompile(`^[a-zA-Z0-9_-]*$`)

// What can be read back is different for different texts.
func FuzzTopicIsInjective(f *testing.F) {
	f.Add("porch.lamp", "a_b")
	f.Add("a_b", "")
	f.Add("-_-", "\x00\xff")
	f.Fuzz(func(t *testing.T, left, right string) {
		if topic := component.Topic(left); !topicForm.MatchString(topic) || original(topic) != left {
			t.Errorf("%q is %q, read back %q", left, topic, original(topic))
		}
		id := component.Place{Application: left, Entity: right}.UniqueID()
		application, entity, _ := strings.Cut(id, "_")
		if original(application) != left || original(entity) != right {
			t.Errorf("%q, %q is %q, read back %q, %q", left, right, id, original(application), original(entity))
		}
		node := strings.TrimPrefix(component.NodeID(left, right), "synapse_")
		application, device, _ := strings.Cut(node, "_")
		if !topicForm.MatchString(node) || original(application) != left || original(device) != right {
			t.Errorf("%q, %q is the node %q", left, right, node)
		}
	})
}

// original undoes Topic.
func original(topic string) string {
	var made strings.Builder
	for i := 0; i < len(topic); i++ {
		switch {
		case topic[i] != '-':
			made.WriteByte(topic[i])
		case topic[i+1] == '-':
			made.WriteByte('-')
			i++
		default:
			char, err := hex.DecodeString(topic[i+1 : i+3])
			if err != nil {
				panic(err)
			}
			made.Write(char)
			i += 2
		}
	}
	return made.String()
}

func TestObjectIDsOfDifferentDomainsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for platform := range platformKeys {
		for _, entity := range []string{"x", "sensor_x", "time_x", "_x", "time"} {
			id := component.ObjectID(platform, entity)
			if other, clash := seen[id]; clash {
				t.Errorf("%s of %s and %s", id, other, platform)
			}
			seen[id] = platform + " " + entity
		}
	}
}
