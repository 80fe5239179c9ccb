package torture

type errorJudge struct{}

func (errorJudge) refused(r *run, err error) bool { return false }
func (errorJudge) typed(r *run, err error) bool   { return false }
