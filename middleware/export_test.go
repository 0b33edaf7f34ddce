package middleware

// SessionConfig is for the test that every field is copied.
var SessionConfig = sessionConfig

// PathForms returns the forms of a path, and whether all of them can be judged.
func PathForms(p string) (forms []string, ok bool) { return newPathForms([]string{p}) }
