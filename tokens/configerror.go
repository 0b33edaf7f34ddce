package tokens

// ConfigError is one mistake in a configuration. Constructors of this module report
// all mistakes at once, joined by errors.Join. errors.As finds a ConfigError and the
// errors inside of it.
type ConfigError struct {
	// Field is the name of the faulty field, such as "UserPool.ID" or "Rules[2]".
	Field string
	// Err says what is wrong with it.
	Err error
}

// Error returns the field and its mistake in one line.
func (e *ConfigError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *ConfigError) Unwrap() error { return e.Err }
