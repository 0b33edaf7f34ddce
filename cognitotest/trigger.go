package cognitotest

// SetTrigger sets a Lambda trigger that runs before a user's tokens are generated, by a
// sign-in through the API or a refresh. f is called with the user's name and returns the
// trigger's error. If that is not empty, the operation fails with a
// UserLambdaValidationException that names it. A nil f removes the trigger. f must not
// use s. For a trigger that crashes or times out, see [Server.SetFault] and the codes
// UnexpectedLambdaException and InvalidLambdaResponseException.
func (s *Server) SetTrigger(f func(username string) string) {
	s.userPool.mu.Lock()
	defer s.userPool.mu.Unlock()
	s.userPool.trigger = f
}

// runTrigger returns the error of the trigger for a user. Called with p.mu held.
func (p *userPool) runTrigger(username string) error {
	if p.trigger == nil {
		return nil
	}
	if refusal := p.trigger(username); refusal != "" {
		return apiErrorf("UserLambdaValidationException", "PreTokenGeneration failed with error %s.", refusal)
	}
	return nil
}
