using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlPrimitives.Rollouts;

/// <summary>One attempt at one trajectory: steps until the state is over, a limit is reached or something throws.</summary>
internal static class Attempt
{
    public static async Task<Trajectory> RunAsync(
        BaseEnvironment environment, RolloutConfig config, Problem problem, int index, int attempt, AdmissionGate.Participant participant, CancellationToken cancellationToken)
    {
        var limit = new TimeLimit(config, participant);
        var state = new State(problem);
        try
        {
            state = Checked(environment, null, await limit.Run("Reset", _ => Task.FromResult(environment.Reset(problem)), cancellationToken).ConfigureAwait(false));
            for (var step = 0; step < config.MaxSteps && !state.IsOver && HasRoom(); step++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var before = state;
                state = Checked(environment, before, await limit.Run($"Step {step + 1}", token => environment.StepAsync(before, token), cancellationToken).ConfigureAwait(false));
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return Ended(TrajectoryStatus.Truncated); // the collection throws once all have ended
        }
        catch (Exception e)
        {
            // Whatever an environment throws fails this trajectory, which is data, and not the batch.
            return Ended(TrajectoryStatus.Failed, $"{e.GetType().Name}: {e.Message}");
        }

        return Ended(state.IsTerminated ? TrajectoryStatus.Terminated : TrajectoryStatus.Truncated);

        Trajectory Ended(TrajectoryStatus status, string? error = null) =>
            new(problem, index / config.GroupSize, index % config.GroupSize, state.Turns, status, error) { Attempt = attempt };

        // What is trained on must make sense: ids and log-probs of every new turn belong together.
        static State Checked(BaseEnvironment environment, State? before, State? after)
        {
            var what = after is null ? "null"
                : after.Turns.IsDefault ? "a state without a list of turns (default); begin with an empty one"
                : after.Turns.Skip(before?.Turns.Length ?? 0).Select(Fault).FirstOrDefault(fault => fault is not null);
            return what is null ? after! : throw new InvalidOperationException($"{environment.GetType().Name}.{(before is null ? "Reset" : "StepAsync")} returned {what}.");
        }

        static string? Fault(Turn? turn) =>
            turn is null ? "a turn that is null"
            : turn.PromptIds is null || turn.TokenIds is null || turn.LogProbs is null || turn.Text is null ? "a turn without ids, log-probs or text"
            : turn.TokenIds.Length != turn.LogProbs.Length ? $"a turn of {turn.TokenIds.Length} sampled ids and {turn.LogProbs.Length} log-probs; there is one for each"
            : turn.PromptIds.Length == 0 && turn.TokenIds.Length > 0 ? "a turn that was sampled from an empty prompt"
            : turn.PromptIds.Concat(turn.TokenIds).Any(id => id < 0) ? "a turn with a negative id"
            : turn.LogProbs.Any(p => float.IsNaN(p) || p > 1e-3f) ? "a turn with a log-prob that is not a number, or above 0"
            : !(turn.Temperature >= 0 && float.IsFinite(turn.Temperature)) ? FormattableString.Invariant($"a turn of temperature {turn.Temperature}")
            : null;

        // Says what may still be sampled; false where that is nothing.
        bool HasRoom()
        {
            participant.MaxNewTokens = config.MaxResponseTokens is { } most ? most - state.Turns.Sum(t => t.TokenIds.Length) : int.MaxValue;
            participant.MaxSequenceTokens = config.MaxSequenceTokens ?? int.MaxValue;
            return participant.MaxNewTokens > 0
                && (state.Turns.IsEmpty || state.Turns[^1].PromptIds.Length + state.Turns[^1].TokenIds.Length < participant.MaxSequenceTokens);
        }
    }
}
