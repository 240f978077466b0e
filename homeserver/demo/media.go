package demo

// upload writes a file of a local user, one of another server, and a preview.
func (g *generator) upload(i int) {
	local, remote := g.token(24), g.token(24)
	g.insert(`local_media_repository (media_id, media_type, media_length, created_ts, upload_name, user_id, last_access_ts,
safe_from_quarantine, authenticated, sha256)`, local, "image/png", 1000+g.random.IntN(1<<22), g.clock,
		emptyOrNull(i/200, g.word()+".png"), pick(g, g.local).id, g.clock, false, true, g.token(64))
	g.insert(`remote_media_cache (media_origin, media_id, media_type, created_ts, upload_name, media_length, filesystem_id,
last_access_ts, authenticated, sha256)`,
		pick(g, g.hosts), remote, "image/jpeg", g.clock, nil, g.random.IntN(1<<22), g.token(24),
		g.clock, true, nil)
	for _, size := range []int{32, 96, 320} {
		g.insert(`local_media_repository_thumbnails (media_id, thumbnail_width, thumbnail_height, thumbnail_type,
thumbnail_method, thumbnail_length)`, local, size, size, "image/png", "scale", size*size/3)
	}
	g.insert(`remote_media_cache_thumbnails (media_origin, media_id, thumbnail_width, thumbnail_height, thumbnail_method,
thumbnail_type, thumbnail_length, filesystem_id)`, pick(g, g.hosts), remote, 96, 96, "crop", "image/jpeg", 3000, g.token(24))
	if i%1000 == 0 {
		g.preview()
	}
}

func (g *generator) preview() {
	media, url := "2025-01-01_"+g.token(16), "https://www.example.org/"+g.token(12)
	g.insert("local_media_repository (media_id, media_type, media_length, created_ts, url_cache, last_access_ts)",
		media, "image/jpeg", 12345, g.clock, url, g.clock)
	g.insert("local_media_repository_url_cache (url, response_code, etag, expires_ts, og, media_id, download_ts)",
		url, 200, nil, g.clock+day, `{"og:title":`+quoted(g.sentence())+`}`, media, g.clock)
}
