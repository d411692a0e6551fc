using System.Text;
using RlPrimitives.Models;
using RlPrimitives.Models.Tokenizers;

namespace RlPrimitives.Inference;

/// <summary>One sequence being decoded: its tokens so far, its random stream and its end.</summary>
internal sealed class DecodeRow
{
    private readonly GenerationRequest request;
    private readonly int contextLength;
    private readonly ITokenizer tokenizer;
    private readonly HashSet<int> stopIds;
    private readonly AdmissionGate.Participant? participant;
    private readonly CancellationToken cancellation;
    private readonly IStreamingDecoder? decoder; // only where stop strings must be looked for
    private readonly StringBuilder text = new();
    private readonly List<int> all; // prompt and response: for the repetition penalty
    private readonly List<float> logProbs = [];
    private StopReason? stop;
    private int stopAt = -1; // where in the text a stop string begins
    private Exception? error;
    private Generation? generation;
    private (int Id, float LogProb) drawn;

    public DecodeRow(GenerationRequest request, ModelConfig config, ITokenizer tokenizer, AdmissionGate.Participant? participant, CancellationToken cancellation)
    {
        this.request = request;
        this.tokenizer = tokenizer;
        this.participant = participant;
        this.cancellation = cancellation;
        contextLength = config.ContextLength;
        stopIds = (request.Options.StopTokenIds ?? config.EosTokenIds).ToHashSet();
        decoder = request.Options.StopStrings.IsDefaultOrEmpty ? null : tokenizer.CreateStreamingDecoder();
        all = [.. request.PromptIds];
    }

    public TaskCompletionSource<Generation> Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int[] Prompt => request.PromptIds;

    public long Arrival { get; set; }

    /// <summary>Version of the weights that it was admitted with.</summary>
    public long WeightsVersion { get; set; }

    public long Order => participant?.Order ?? -1;

    public AdmissionGate? Gate => participant?.Gate;

    /// <summary>The trajectory that it belongs to; null outside of rollouts.</summary>
    public AdmissionGate.Participant? Participant => participant;

    /// <summary>Its slot of the cache while it runs.</summary>
    public int Slot { get; set; }

    /// <summary>Tokens of its prompt that the slot held when it was admitted.</summary>
    public int Cached { get; set; }

    /// <summary>Prompt and response so far.</summary>
    public int[] Tokens => [.. all];

    /// <summary>Whether a longer prompt may continue it.</summary>
    public bool MayContinue => error is null && stop is not StopReason.ContextLength;

    /// <summary>Whether nobody waits for it any more: its call was cancelled, or its trajectory is over.</summary>
    public bool IsCancelled => cancellation.IsCancellationRequested || participant is { HasLeft: true };

    /// <summary>Tokens so far, prompt included.</summary>
    public int Length => all.Count;

    public int LastToken => all[^1];

    /// <summary>Whether a token could not be drawn, or the tokens have no text.</summary>
    public bool HasFailed => error is not null;

    /// <summary>Draws the next token from <paramref name="logits"/> (used as scratch), for <see cref="Accept"/>. Rows may draw at the same time.</summary>
    public void Draw(Span<float> logits)
    {
        try
        {
            var previous = request.Options.RepetitionPenalty == 1 ? default : System.Runtime.InteropServices.CollectionsMarshal.AsSpan(all);
            drawn = Sampler.Sample(logits, request.Options, previous, request.Random.NextUniform((ulong)logProbs.Count));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            error = e; // logits that cannot be sampled: this row's trouble alone
        }
    }

    /// <summary>Appends the token drawn and tells the listener; true when the row is finished.</summary>
    public bool Accept()
    {
        try
        {
            return error is not null || Append(drawn.Id, drawn.LogProb);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            error = e; // a listener that throws: this row's trouble alone
            return true;
        }
    }

    /// <summary>Makes the result; to be handed over by <see cref="HandOver"/> once all that finished in the step have this behind them.</summary>
    /// <remarks>Otherwise the first to be handed over could come back, and the gate look quiet, before the second is resumed.</remarks>
    public void Finish()
    {
        if (error is null)
        {
            try
            {
                var ids = all.Skip(Prompt.Length).ToArray();
                var response = stopAt >= 0 ? text.ToString(0, stopAt) : tokenizer.Decode(stop == StopReason.StopToken ? ids.AsSpan(0, ids.Length - 1) : ids);
                generation = new Generation(Prompt, ids, [.. logProbs], response, stop!.Value) { WeightsVersion = WeightsVersion };
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                error = e; // an id that the tokenizer does not know
            }
        }

        participant?.Resume();
    }

    /// <summary>Hands the result of <see cref="Finish"/> to whoever waits for it.</summary>
    public void HandOver()
    {
        if (generation is not null)
        {
            Completion.SetResult(generation);
        }
        else
        {
            Completion.SetException(error!);
        }
    }

    public void Fail(Exception error)
    {
        if (Completion.Task.IsCompleted)
        {
            return;
        }

        participant?.Resume();
        Completion.SetException(error);
    }

    public void Cancel()
    {
        participant?.Resume();
        Completion.TrySetCanceled(cancellation.IsCancellationRequested ? cancellation : new CancellationToken(canceled: true));
    }

    private bool Append(int id, float logProb)
    {
        var options = request.Options;
        all.Add(id);
        logProbs.Add(logProb);
        request.OnToken?.Invoke(new GeneratedToken(id, logProb));
        stop = stopIds.Contains(id) ? StopReason.StopToken
            : EndsInStopString(id) ? StopReason.StopString
            : Length >= contextLength ? StopReason.ContextLength // before its own limit: nothing can continue this one
            : logProbs.Count >= options.MaxNewTokens ? StopReason.MaxNewTokens
            : null;
        return stop is not null;
    }

    private bool EndsInStopString(int id)
    {
        if (decoder is null)
        {
            return false;
        }

        var before = text.Length;
        text.Append(decoder.Append(id));
        var longest = request.Options.StopStrings.Max(s => s.Length);
        var from = Math.Max(0, before - longest + 1);
        var tail = text.ToString(from, text.Length - from);
        stopAt = request.Options.StopStrings.Select(s => tail.IndexOf(s, StringComparison.Ordinal)).Where(i => i >= 0).DefaultIfEmpty(-1).Min();
        stopAt = stopAt < 0 ? -1 : stopAt + from;
        return stopAt >= 0;
    }
}
