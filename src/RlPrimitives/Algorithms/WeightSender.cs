using System.Diagnostics;
using RlPrimitives.Backprop;
using RlPrimitives.Environments;
using RlPrimitives.Inference;

namespace RlPrimitives.Algorithms;

/// <summary>Keeps a sampler's copy of the weights the same as the trainer's: called before anything is sampled, it does nothing where nothing has changed.</summary>
internal sealed class WeightSender(WeightSync sync, IWeightReceiver sampler, BackpropModule backprop, int[][] probe)
{
    // Where the trainer's log-probs moved by this much a token and the sampler's by less than a tenth of it, its weights are the old ones, however small the step was.
    private const double VisibleMove = 1e-3, StaleShare = 0.1;
    private const int Kept = 2; // versions: the sampler may still finish responses with the one before

    private readonly string run = Convert.ToHexStringLower(Guid.NewGuid().ToByteArray()[..4]); // another run's folders are not overwritten
    private readonly Queue<string> written = new();
    private readonly Dictionary<string, float[]> before = []; // by endpoint; the trainer's under an empty name
    private WeightSyncReport? last;
    private long? sent;

    /// <summary>The sender that belongs to an environment's sampler; null where it generates with the trained model itself.</summary>
    /// <exception cref="ArgumentException">Sampler, model and options do not fit.</exception>
    public static WeightSender? Of(BaseEnvironment environment, BackpropModule backprop, WeightSync? sync)
    {
        var inference = environment.Inference;
        if (inference.HasModel)
        {
            return !ReferenceEquals(inference.Model, backprop.Model) ? throw new ArgumentException("The environment asks another model than the one that is trained: give both the same.", nameof(backprop))
                : sync is not null ? throw new ArgumentException("The environment generates with the trained model itself: there is nothing to send, leave AlgorithmConfig.WeightSync null.", nameof(sync))
                : null;
        }

        if (inference.Backend is not IWeightReceiver sampler)
        {
            throw new ArgumentException($"The environment's {inference.Backend.GetType().Name} has neither the trained model nor a way to get its weights (IWeightReceiver).", nameof(environment));
        }

        if (sync is null)
        {
            throw new ArgumentException("The environment's sampler has a copy of the weights elsewhere: set AlgorithmConfig.WeightSync to a folder that both sides see.", nameof(sync));
        }

        return new WeightSender(sync, sampler, backprop, sync.Probe?.ToArray() ?? [.. environment.Problems.Take(4).Select(p => ProbeOf(environment, p)).Where(ids => ids.Length >= 2)]);
    }

    /// <summary>Puts the trainer's weights to the sampler, where it does not have them already, and checks that it uses them.</summary>
    /// <exception cref="WeightMismatchException">It does not.</exception>
    public async Task<WeightSyncReport> EnsureAsync(CancellationToken cancellationToken)
    {
        if (last is not null && sent == backprop.Model.Version)
        {
            return last;
        }

        var started = Stopwatch.GetTimestamp();
        var (version, isLora) = (backprop.Model.Version, backprop.Model.Lora is not null);
        var name = FormattableString.Invariant($"{run}-v{version}");
        var saved = await backprop.Model.Executor.RunAsync(() => backprop.Model.SaveExact(Path.Combine(sync.Folder, name))).ConfigureAwait(false);
        var seen = sync.SamplerFolder is { } theirs ? Path.Combine(theirs, Path.GetRelativePath(sync.Folder, saved)) : Path.GetFullPath(saved);
        await (isLora ? sampler.LoadLoraAsync(seen, version, cancellationToken) : sampler.LoadWeightsAsync(seen, version, cancellationToken)).ConfigureAwait(false);
        var (mean, max) = await CompareAsync(version, cancellationToken).ConfigureAwait(false);
        Forget(Path.Combine(sync.Folder, name));
        (sent, last) = (version, new WeightSyncReport(version, Stopwatch.GetElapsedTime(started).TotalSeconds, mean, max));
        return last;
    }

    private static int[] ProbeOf(BaseEnvironment environment, Problem problem)
    {
        int[] ids = [.. environment.BuildPrompt(environment.Reset(problem)), .. environment.Inference.Tokenizer.Encode(problem.Answer)];
        return ids.Length > environment.Inference.ContextLength ? ids[..environment.Inference.ContextLength] : ids;
    }

    private async Task<(double Mean, double Max)> CompareAsync(long version, CancellationToken cancellationToken)
    {
        // Every token after the first, given those before it.
        var rows = Array.ConvertAll(probe, ids => new TrainingRow(ids, [.. Enumerable.Range(1, ids.Length - 1)], new float[ids.Length - 1], new float[ids.Length - 1]));
        float[] own = [.. (await backprop.ComputeLogProbsAsync(rows).ConfigureAwait(false)).SelectMany(p => p)];
        var everywhere = await sampler.GetLogProbsEverywhereAsync(Array.ConvertAll(probe, ids => ids[..1]), Array.ConvertAll(probe, ids => ids[1..]), cancellationToken).ConfigureAwait(false);
        if (everywhere.Count == 0)
        {
            throw new WeightMismatchException(FormattableString.Invariant($"Weights of version {version} were put to the sampler, and no endpoint can be asked whether it uses them."));
        }

        var (mean, max) = (0.0, 0.0);
        foreach (var (endpoint, scores) in everywhere)
        {
            float[] theirs = [.. scores.SelectMany(p => p)];
            var differences = own.Zip(theirs, (a, b) => (double)Math.Abs(a - b)).ToArray();
            (mean, max) = (Math.Max(mean, differences.Average()), Math.Max(max, differences.Max()));
            if (!(differences.Average() <= sync.Tolerance)) // not a number is none either
            {
                throw new WeightMismatchException(FormattableString.Invariant(
                    $"{endpoint}: after weights of version {version} were put there, its log-probs of the probe differ from the trainer's by {differences.Average():G3} nats a token on average ({differences.Max():G3} at most); {sync.Tolerance:G3} is allowed (WeightSync.Tolerance). ") +
                    "It generates with other weights: is it the same model, is SamplerFolder the same folder as the sampler sees it, does its release reload weights? Nothing was sampled with them.");
            }

            CheckMoved(endpoint, version, own, theirs);
            before[endpoint] = theirs;
        }

        before[""] = own;
        return (mean, max);
    }

    private void CheckMoved(string endpoint, long version, float[] own, float[] theirs)
    {
        if (!before.TryGetValue("", out var ownBefore) || !before.TryGetValue(endpoint, out var theirsBefore))
        {
            return;
        }

        var (ownMove, theirMove) = (MeanDifference(own, ownBefore), MeanDifference(theirs, theirsBefore));
        if (ownMove > VisibleMove && theirMove < StaleShare * ownMove)
        {
            throw new WeightMismatchException(FormattableString.Invariant(
                $"{endpoint}: weights of version {version} were put there, and its log-probs of the probe are as before (moved by {theirMove:G3} nats a token; the trainer's by {ownMove:G3}). ") +
                "It goes on with stale weights: some releases acknowledge a reload that they do not make. Nothing was sampled with them.");
        }
    }

    private static double MeanDifference(float[] a, float[] b) => a.Zip(b, (x, y) => (double)Math.Abs(x - y)).Average();

    /// <summary>Deletes versions that nobody uses any more.</summary>
    private void Forget(string newest)
    {
        written.Enqueue(newest);
        while (written.Count > Kept)
        {
            var old = written.Dequeue();
            if (Directory.Exists(old))
            {
                Directory.Delete(old, recursive: true);
            }
        }
    }
}
