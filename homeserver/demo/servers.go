package demo

// otherServer writes what is kept about another server.
func (g *generator) otherServer(i int, host string) {
	var failed any
	if i%4 == 3 {
		failed = beginning + int64(i)
	}
	g.insert("destinations (destination, retry_last_ts, retry_interval, failure_ts, last_successful_stream_ordering)",
		host, emptyAsZero(failed), emptyAsZero(failed), failed, nil)
	g.insert(`destination_software (destination, "softwareName", "softwareVersion", "group")`,
		host, pick(g, []string{"Synapse", "Dendrite", "Conduit"}), emptyOrNull(i, "1.157.1"), emptyOrNull(i+1, "element-hq"))
	key := "ed25519:a_" + g.token(4)
	document := `{"server_name":"` + host + `","verify_keys":{"` + key + `":{"key":"` + g.token(43) + `"}},"valid_until_ts":` +
		`1999999999999,"signatures":{"` + host + `":{"` + key + `":"` + g.token(86) + `"}}}`
	g.insert("server_keys_json (server_name, key_id, from_server, ts_added_ms, ts_valid_until_ms, key_json)",
		host, key, host, g.clock, int64(1999999999999), []byte(document))
	g.insert("server_signature_keys (server_name, key_id, from_server, ts_added_ms, verify_key, ts_valid_until_ms)",
		host, key, host, g.clock, g.bytes(32), int64(1999999999999))
	for range 3 {
		g.insert("received_transactions (transaction_id, origin, ts, response_code, response_json, has_been_referenced)",
			g.token(12), host, g.clock, 200, []byte(`{"pdus":{}}`), 0)
		g.insert("device_federation_inbox (origin, message_id, received_ts, instance_name)",
			host, g.token(20), g.clock, master)
	}
}

// emptyAsZero is what upstream stores of a server that answers.
func emptyAsZero(value any) any {
	if value == nil {
		return 0
	}
	return value
}

func (g *generator) bytes(length int) []byte {
	b := make([]byte, length)
	for i := range b {
		b[i] = byte(g.random.Uint32())
	}
	return b
}

// traffic writes what comes and goes beside events: one of its rows for every few
// events.
func (g *generator) traffic(i int) {
	if i%11 == 0 {
		p := pick(g, g.local)
		g.insert("device_inbox (user_id, device_id, stream_id, message_json, instance_name)",
			p.id, pick(g, p.devices), g.next("to_device"), g.toDevice(), master)
	}
	if i%37 == 0 {
		g.insert("device_federation_outbox (destination, stream_id, queued_ts, messages_json, instance_name)",
			pick(g, g.hosts), g.next("to_device"), g.clock, `{"messages":`+g.toDevice()+`}`, master)
		p := pick(g, g.local)
		g.insert("device_lists_outbound_pokes (destination, stream_id, user_id, device_id, sent, ts, instance_name)",
			pick(g, g.hosts), g.next("device_lists_stream"), p.id, pick(g, p.devices), g.chance(80), g.clock, master)
	}
	if i%97 == 0 {
		p := pick(g, g.remote)
		g.insert("device_lists_remote_pending (stream_id, user_id, device_id, instance_name)",
			g.next("device_lists_stream"), p.id, p.devices[0], master)
	}
	if i%200 == 0 {
		g.upload(i)
	}
}

func (g *generator) toDevice() string {
	return `{"type":"m.room.encrypted","sender":"` + pick(g, g.local).id + `","content":{` +
		`"algorithm":"m.olm.v1.curve25519-aes-sha2","ciphertext":{"` + g.token(43) + `":{"type":0,"body":"` + g.token(90) + g.token(90) + `"}}}}`
}
