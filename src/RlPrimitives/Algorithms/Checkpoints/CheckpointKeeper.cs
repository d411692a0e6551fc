using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Algorithms;

/// <summary>What was resumed.</summary>
/// <param name="Iteration">Iterations that were done; 0 where there was no checkpoint.</param>
/// <param name="Checkpoint">Its folder; null where there was none.</param>
/// <param name="Damaged">Newer checkpoints that were passed over: folder and what is wrong.</param>
public sealed record Resumption(int Iteration, string? Checkpoint, IReadOnlyList<string> Damaged);

/// <summary>Decides when checkpoints are written and which are kept; writes and reads them.</summary>
internal sealed class CheckpointKeeper(AlgorithmSetup setup, string algorithm, Func<int> iterationsDone, List<TrainStep> recorded)
{
    private readonly CheckpointStore store = new(setup.Config.CheckpointDirectory
        ?? throw new InvalidOperationException("There is no folder for checkpoints: set AlgorithmConfig.CheckpointDirectory."));

    private double? bestValue;
    private int bestIteration;
    private bool isOverdue;

    /// <summary>Saves where a checkpoint is due: by interval, at the end, at a new best, or because the last attempt failed.</summary>
    /// <returns>Why it could not be written; the training goes on and tries again after the next iteration.</returns>
    public async Task<Alarm?> AfterStepAsync(TrainStep step, int last)
    {
        var config = setup.Config;
        var isDue = isOverdue || step.Iteration % config.SaveEvery == 0 || step.Iteration == last;
        // Rewards of a batch are noisy: they make a best only where a checkpoint is due anyway. An evaluation does at any time.
        var value = config.Evaluation is not null ? step.Evaluation?.Average.Value : isDue && step.Rewards.Length > 0 ? step.RewardMean : null;
        var isBest = value > (bestValue ?? double.NegativeInfinity);
        if (!isDue && !isBest)
        {
            return null;
        }

        try
        {
            await WriteAsync(isBest ? value : bestValue, isBest ? step.Iteration : bestIteration).ConfigureAwait(false);
            isOverdue = false;
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            isOverdue = true;
            return new Alarm("checkpoint not saved", $"{Path.GetFullPath(config.CheckpointDirectory!)}: {e.Message}",
                "free space or permit writing; it is tried again after the next iteration, earlier checkpoints are as they were");
        }
    }

    /// <summary>Saves now.</summary>
    public Task<string> SaveAsync(bool best)
    {
        var value = recorded.Count == 0 ? null : recorded[^1].Evaluation?.Average.Value ?? (recorded[^1].Rewards.Length > 0 ? recorded[^1].RewardMean : null);
        return WriteAsync(best ? value : bestValue, best ? iterationsDone() : bestIteration);
    }

    /// <summary>Takes over the newest whole checkpoint.</summary>
    public async Task<(Resumption Resumption, IReadOnlyList<TrainStep> Steps)> ResumeAsync()
    {
        var damaged = new List<string>();
        if (store.Newest((path, reason) => damaged.Add($"{path}: {reason}")) is not { } folder)
        {
            return damaged.Count == 0 ? (new Resumption(0, null, []), [])
                : throw new InvalidDataException($"No checkpoint is whole. {string.Join(". ", damaged)}. Delete or move them to begin anew.");
        }

        var state = CheckpointFiles.ReadState(folder);
        var steps = CheckpointFiles.ReadHistory(folder);
        if (state.Algorithm != algorithm)
        {
            throw new InvalidDataException($"{folder} is of {state.Algorithm}, this is {algorithm}.");
        }

        if (state.ProblemsFingerprint != Fingerprint())
        {
            throw new InvalidDataException($"{folder} was trained on other problems, or in another order: give the environment those of the run that is resumed.");
        }

        await setup.Backprop.LoadAsync(folder, state.Backprop).ConfigureAwait(false);
        setup.Rollouts.Restore(state.Rollouts);
        setup.Recorder.FirstEntropy = state.FirstEntropy;
        (bestValue, bestIteration) = (state.BestValue, state.BestIteration);
        return (new Resumption(state.Iteration, folder, damaged), steps);
    }

    private async Task<string> WriteAsync(double? best, int bestAt)
    {
        var iteration = iterationsDone();
        var path = await store.WriteAsync(iteration, async folder =>
        {
            var backprop = await setup.Backprop.SaveAsync(folder).ConfigureAwait(false);
            if (setup.Environment.Inference.Tokenizer is HuggingFaceTokenizer tokenizer && Directory.Exists(Path.Combine(folder, "model")))
            {
                tokenizer.Save(Path.Combine(folder, "model")); // so that the folder is one that anybody can load
            }

            CheckpointFiles.Write(folder, new TrainingState(
                TrainingState.CurrentSchema, algorithm, iteration, setup.Rollouts.State, Fingerprint(), backprop, setup.Recorder.FirstEntropy, best, bestAt, Versions(),
                Configuration()), recorded);
        }).ConfigureAwait(false);
        (bestValue, bestIteration) = (best, bestAt);
        store.Prune(setup.Config.KeepLast, bestAt, iteration);
        return path;
    }

    private string Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var problem in setup.Environment.Problems)
        {
            foreach (var text in (ReadOnlySpan<string>)[problem.Id, problem.Prompt, problem.Answer])
            {
                hash.AppendData(BitConverter.GetBytes(text.Length));
                hash.AppendData(Encoding.UTF8.GetBytes(text));
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static Dictionary<string, string> Versions() => new()
    {
        ["RlPrimitives"] = typeof(Algorithm).Assembly.GetName().Version?.ToString() ?? "",
        ["TorchSharp"] = typeof(TorchSharp.torch).Assembly.GetName().Version?.ToString() ?? "",
        [".NET"] = RuntimeInformation.FrameworkDescription,
        ["system"] = RuntimeInformation.RuntimeIdentifier,
    };

    private Dictionary<string, string> Configuration() => new()
    {
        ["algorithm"] = (setup.Config with { Evaluation = null, CheckpointDirectory = null, Tracking = null }).ToString(),
        ["update"] = setup.Update.ToString(), ["advantages"] = setup.Advantages.ToString() ?? "", ["rollouts"] = setup.Rollouts.Config.ToString(),
        ["backprop"] = (setup.Backprop.Config with { FaultFolder = null }).ToString(), ["sampling"] = setup.Environment.Sampling.ToString(),
    };
}
