using System.Runtime.CompilerServices;
using RlPrimitives.Backprop;
using RlPrimitives.Inference;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Algorithms;

/// <summary>An example to imitate: only the response carries loss.</summary>
/// <param name="Prompt">What is given.</param>
/// <param name="Response">What should follow; the end-of-sequence token is added.</param>
public readonly record struct Example(string Prompt, string Response);

/// <summary>One step of supervised training.</summary>
/// <param name="Step">1-based.</param>
/// <param name="Steps">How many there will be.</param>
/// <param name="Loss">Mean cross-entropy of the response tokens, nats.</param>
/// <param name="GradientNorm">Global L2 norm before clipping.</param>
/// <param name="LearningRate">Step size.</param>
public readonly record struct SupervisedStep(int Step, int Steps, double Loss, double GradientNorm, double LearningRate);

/// <summary>Next-token training on examples: the warm start before reinforcement learning.</summary>
/// <param name="backprop">Updates the model.</param>
/// <param name="tokenizer">Encodes the examples; names the end-of-sequence token.</param>
/// <param name="examples">What to imitate.</param>
/// <param name="config">Batch size and learning-rate schedule.</param>
public sealed class SupervisedAlgorithm(BackpropModule backprop, ITokenizer tokenizer, IReadOnlyList<Example> examples, SupervisedConfig? config = null)
{
    private readonly SupervisedConfig config = config ?? new SupervisedConfig();
    private readonly IReadOnlyList<Example> examples = examples.Count > 0 ? examples : throw new ArgumentException("There are no examples.", nameof(examples));

    /// <summary>Trains, one record a step; examples come in a shuffled order, anew each time all have been seen.</summary>
    /// <param name="steps">How many.</param>
    /// <param name="cancellationToken">Ends the training between two steps.</param>
    public async IAsyncEnumerable<SupervisedStep> StepsAsync(int steps, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        var learningRate = new LearningRateSchedule
        {
            Peak = backprop.Config.LearningRate, Steps = steps, WarmupSteps = config.WarmupSteps,
            Decay = LearningRateDecay.Cosine, FinalFraction = config.FinalLearningRateFraction,
        };
        var order = Order().GetEnumerator();
        for (var step = 1; step <= steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rows = new TrainingRow[config.BatchSize];
            for (var i = 0; i < rows.Length; i++)
            {
                order.MoveNext();
                rows[i] = RowOf(examples[order.Current]);
            }

            var update = await backprop.UpdateSupervisedAsync(rows, learningRate.At(step)).ConfigureAwait(false);
            yield return new SupervisedStep(step, steps, update.Loss, update.GradientNorm, update.LearningRate);
        }
    }

    /// <summary>Trains to the end.</summary>
    /// <param name="steps">How many.</param>
    /// <param name="progress">Told of each step.</param>
    /// <param name="cancellationToken">Ends the training between two steps.</param>
    public async Task<IReadOnlyList<SupervisedStep>> TrainAsync(int steps, IProgress<SupervisedStep>? progress = null, CancellationToken cancellationToken = default)
    {
        var records = new List<SupervisedStep>(steps);
        await foreach (var record in StepsAsync(steps, cancellationToken).ConfigureAwait(false))
        {
            records.Add(record);
            progress?.Report(record);
        }

        return records;
    }

    private TrainingRow RowOf(Example example)
    {
        var prompt = tokenizer.Encode(example.Prompt, addSpecialTokens: true);
        var end = tokenizer.EosTokenId ?? throw new InvalidOperationException("The tokenizer names no end-of-sequence token: the model could not learn to stop.");
        int[] ids = [.. prompt, .. tokenizer.Encode(example.Response), end];
        var trained = Enumerable.Range(prompt.Length, ids.Length - prompt.Length).ToArray();
        return new TrainingRow(ids, trained, new float[trained.Length], new float[trained.Length]);
    }

    private IEnumerable<int> Order()
    {
        for (ulong epoch = 0; ; epoch++)
        {
            var random = RandomStream.For(config.Seed, epoch);
            foreach (var i in Enumerable.Range(0, examples.Count).OrderBy(i => random.NextUniform((ulong)i)))
            {
                yield return i;
            }
        }
    }
}
