package recordbatch

// End returns the offset behind the last whole batch in raw, from if there is
// none: where to fetch next. It reads headers alone and stops at damage; what
// the headers cover is checked when a Reader comes to it.
func End(raw []byte, from int64) int64 {
	for {
		b, ok, err := frame(raw)
		if err != nil || !ok {
			return from
		}
		from = max(from, b.last+1)
		raw = raw[len(b.raw):]
	}
}
