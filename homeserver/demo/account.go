package demo

// account writes what belongs to a local user alone.
func (g *generator) account(i int, p *person) {
	created := beginning - int64(1+i)*day/3
	g.insert(`users (name, password_hash, creation_ts, admin, is_guest, deactivated, shadow_banned, approved, locked,
suspended)`,
		p.id, "$2b$12$"+g.token(53), created/1000, i == 0, 0, i%40 == 39, oneOf(i), oneOf(i+1), false, i%50 == 49)
	g.insert("profiles (full_user_id, user_id, displayname, avatar_url)", p.id, p.localpart, p.name, p.avatar)
	g.insert("user_directory (user_id, display_name, avatar_url)", p.id, p.name, p.avatar)
	g.insert("user_directory_search (user_id, value)", p.id, p.localpart+" "+p.name)
	g.insert("user_filters (full_user_id, user_id, filter_id, filter_json)",
		p.id, p.localpart, 0, []byte(`{"room":{"timeline":{"limit":20},"state":{"lazy_load_members":true}}}`))
	for j, device := range p.devices {
		g.device(i, j, p, device)
	}
	g.accountData(p)
	g.presence(i, p)
	g.crossSigning(p)
	g.pushing(i, p)
}

func (g *generator) device(i, j int, p *person, device string) {
	seen := beginning + g.random.Int64N(100*day)
	agent := pick(g, []string{"Element/1.11 (Linux)", "Element X/25.1 (iOS 18)", "Fractal/9", "nheko/0.12"})
	g.insert("devices (user_id, device_id, display_name, last_seen, ip, user_agent, hidden)",
		p.id, device, p.name+" "+number(j), seen, "2001:db8::"+number(i), agent, oneOf(i+j))
	id := g.next("access_tokens")
	g.insert("access_tokens (id, user_id, device_id, token, last_validated, used)",
		id, p.id, device, "syt_"+g.token(36), seen, oneOf(i+j+1))
	g.insert("user_ips (user_id, access_token, device_id, ip, user_agent, last_seen)",
		p.id, "syt_"+g.token(36), device, "2001:db8::"+number(i), agent, seen)
	for visit := range 3 {
		g.insert("user_daily_visits (user_id, device_id, timestamp, user_agent)",
			p.id, device, beginning+int64(visit)*day, agent)
	}
	g.insert("device_lists_stream (stream_id, user_id, device_id, instance_name)",
		g.next("device_lists_stream"), p.id, device, master)
	g.keys(p, device)
}

func (g *generator) keys(p *person, device string) {
	g.insert("e2e_device_keys_json (user_id, device_id, ts_added_ms, key_json)", p.id, device, g.clock,
		`{"algorithms":["m.olm.v1.curve25519-aes-sha2","m.megolm.v1.aes-sha2"],"device_id":"`+device+`","keys":{"ed25519:`+
			device+`":"`+g.token(43)+`"},"user_id":"`+p.id+`"}`)
	for range 8 {
		g.insert("e2e_one_time_keys_json (user_id, device_id, algorithm, key_id, ts_added_ms, key_json)",
			p.id, device, "signed_curve25519", g.token(6), g.clock, `{"key":"`+g.token(43)+`"}`)
	}
	g.insert("e2e_fallback_keys_json (user_id, device_id, algorithm, key_id, key_json, used)",
		p.id, device, "signed_curve25519", g.token(6), `{"fallback":true,"key":"`+g.token(43)+`"}`, g.chance(20))
}

func (g *generator) accountData(p *person) {
	for _, kind := range []string{"m.direct", "m.push_rules", "org.example.settings"} {
		g.insert("account_data (user_id, account_data_type, stream_id, content, instance_name)",
			p.id, kind, g.next("account_data"), `{"comment":`+quoted(g.sentence())+`}`, master)
	}
}

func (g *generator) presence(i int, p *person) {
	state := []string{"online", "unavailable", "offline"}[i%3]
	g.insert(`presence_stream (stream_id, user_id, state, last_active_ts, last_federation_update_ts, last_user_sync_ts,
status_msg, currently_active, instance_name)`,
		g.next("presence_stream"), p.id, state, g.clock-int64(i)*1000, g.clock, g.clock,
		emptyOrNull(i, g.sentence()), oneOf(i), master)
}

func (g *generator) crossSigning(p *person) {
	for _, kind := range []string{"master", "self_signing", "user_signing"} {
		g.insert("e2e_cross_signing_keys (user_id, keytype, keydata, stream_id, instance_name)", p.id, kind,
			`{"keys":{"ed25519:`+g.token(43)+`":"`+g.token(43)+`"},"usage":["`+kind+`"]}`, g.next("e2e_cross_signing_keys"), master)
	}
	version := int64(1)
	g.insert("e2e_room_keys_versions (user_id, version, algorithm, auth_data, deleted, etag)",
		p.id, version, "m.megolm_backup.v1.curve25519-aes-sha2", `{"public_key":"`+g.token(43)+`"}`, 0, 4)
	for session := range 4 {
		g.insert(`e2e_room_keys (user_id, room_id, session_id, version, first_message_index, forwarded_count, is_verified,
session_data)`, p.id, "!"+g.token(18)+":"+p.host, g.token(43), version, session, 0, oneOf(session),
			`{"ciphertext":"`+g.token(80)+`"}`)
	}
}

func (g *generator) pushing(i int, p *person) {
	rule := g.next("push_rules")
	g.insert("push_rules (id, user_name, rule_id, priority_class, priority, conditions, actions)", rule, p.id,
		"global/content/"+p.localpart, 4, i, `[{"kind":"event_match","key":"content.body","pattern":"`+p.localpart+`"}]`,
		`["notify"]`)
	g.insert("push_rules_enable (id, user_name, rule_id, enabled)", rule, p.id, "global/override/.m.rule.master", i%2)
	if i%2 == 0 {
		id := g.next("pushers")
		g.insert(`pushers (id, user_name, access_token, profile_tag, kind, app_id, app_display_name, device_display_name,
pushkey, ts, lang, data, last_stream_ordering, last_success, enabled, device_id, instance_name)`,
			id, p.id, nil, "", "http", "im.vector.app", "Element", "phone", g.token(60), g.clock, "en",
			`{"url":"https://push.example.net/_matrix/push/v1/notify"}`, 1, nil, oneOf(i/2), p.devices[0], master)
	}
}
