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
            state = await limit.Run("Reset", _ => Task.FromResult(environment.Reset(problem)), cancellationToken).ConfigureAwait(false);
            for (var step = 0; step < config.MaxSteps && !state.IsOver && HasRoom(); step++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var before = state;
                state = await limit.Run($"Step {step + 1}", token => environment.StepAsync(before, token), cancellationToken).ConfigureAwait(false)
                    ?? throw new InvalidOperationException($"{environment.GetType().Name}.StepAsync returned null; it must return a state.");
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
